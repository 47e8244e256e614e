from django.urls import path

from webshop import views

urlpatterns = [path("offers/", views.offers)]
