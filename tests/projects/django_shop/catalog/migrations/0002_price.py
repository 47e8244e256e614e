from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalog", "0001_initial")]
    operations = [
        migrations.AddField("Item", "price", models.IntegerField(default=1)),
        migrations.RunSQL("CREATE INDEX cheap ON catalog_item (price) WHERE price < 10"),
    ]
