import shapely.geometry
import shapely.ops
import shapely.wkt


def answer(name):
    square = shapely.geometry.box(0, 0, 2, 2)
    circle = shapely.geometry.Point(2, 2).buffer(1)
    try:
        shapely.wkt.loads(f"{name} is no shape")
        caught = "nothing"
    except Exception as error:  # its class has moved from one release to the next
        caught = type(error).__name__
    both = shapely.ops.unary_union([square, circle])
    return {"area": round(square.intersection(circle).area, 6), "union": round(both.area, 6),
            "wkt": square.wkt, "caught": caught, "within": square.contains(shapely.geometry.Point(1, 1)),
            "kind": isinstance(both, shapely.geometry.Polygon), "json": shapely.geometry.mapping(square)}
