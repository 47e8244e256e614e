SECRET_KEY = "none"
PAGE_SIZE = 10
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "webshop.urls"
INSTALLED_APPS = ["webshop"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
