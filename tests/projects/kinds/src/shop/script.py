def answer():
    return 42


if __name__ == "__main__":
    print(answer())
