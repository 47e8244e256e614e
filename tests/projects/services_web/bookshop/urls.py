"""Where everything is."""

from django.urls import path

from bookshop.books import views

urlpatterns = [
    path("books", views.books),
    path("books/<str:title>", views.book),
    path("later/<str:title>", views.later),
    path("broken", views.broken),
]
