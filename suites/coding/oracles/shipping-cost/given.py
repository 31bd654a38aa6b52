def shipping_cost(zone, weight, express):
    if weight > 0:
        if zone == "domestic":
            if weight <= 2:
                if express == True:
                    cost = 4.5 + 6
                else:
                    cost = 4.5
            else:
                if express == True:
                    cost = 4.5 + (weight - 2) * 1.5 + 6
                else:
                    cost = 4.5 + (weight - 2) * 1.5
            return cost
        else:
            if zone == "europe":
                if weight <= 2:
                    if express == True:
                        cost = 9 + 6
                    else:
                        cost = 9
                else:
                    if express == True:
                        cost = 9 + (weight - 2) * 3 + 6
                    else:
                        cost = 9 + (weight - 2) * 3
                return cost
            else:
                raise ValueError("unknown zone")
    else:
        raise ValueError("weight must be positive")
