PRICE = "price"
