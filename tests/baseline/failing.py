FAILS = {}
