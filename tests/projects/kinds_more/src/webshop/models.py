from django.db import models


class Offer(models.Model):
    state = models.CharField(max_length=20, default="draft")
