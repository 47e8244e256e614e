def old():
    return "old"
