from django.http import HttpResponse

from webshop.models import Offer


def offers(request):
    return HttpResponse(f"offers: {Offer().state}")
