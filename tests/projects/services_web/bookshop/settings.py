"""Django's settings."""

import os

SECRET_KEY = "for tests"
ALLOWED_HOSTS = ["service"]
ROOT_URLCONF = "bookshop.urls"
INSTALLED_APPS = ["bookshop.books"]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
WSGI_APPLICATION = "bookshop.wsgi.application"
USE_TZ = True
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": os.environ.get("PGDATABASE", ""),
        "USER": os.environ.get("PGUSER", ""),
        "HOST": os.environ.get("PGHOST", ""),
        "PORT": os.environ.get("PGPORT", ""),
    }
}
