/*
 * Copyright 2021 The Saltmere Light Keepers
 * Licensed under the MIT License.
 */
#include <stdio.h>
#include <math.h>

/* Bearing in degrees, clockwise from north, of a light at (east, north). */
static double bearing(double east, double north)
{
    double angle = atan2(east, north) * 180.0 / 3.14159265358979;
    return angle < 0 ? angle + 360.0 : angle;
}

int main(void)
{
    double east, north;
    while (scanf("%lf %lf", &east, &north) == 2)
        printf("%05.1f\n", bearing(east, north));
    return 0;
}
