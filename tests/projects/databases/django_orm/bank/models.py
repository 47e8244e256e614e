from django.db import models, transaction


class Account(models.Model):
    owner = models.TextField(unique=True)
    balance = models.BigIntegerField(default=0)

    class Meta:
        db_table = "account"


class Entry(models.Model):
    account = models.ForeignKey(Account, models.PROTECT, db_column="account")
    amount = models.BigIntegerField()

    class Meta:
        db_table = "entry"


def pay_in(owner: str, amount: int) -> int:
    with transaction.atomic():
        account, _ = Account.objects.select_for_update().get_or_create(owner=owner)
        account.balance += amount
        account.save()
        Entry.objects.create(account=account, amount=amount)
        return account.balance
