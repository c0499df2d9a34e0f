print("edgeferry")
