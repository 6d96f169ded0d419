"""How long a mill can grind on the water of its pond."""

from dataclasses import dataclass

GRAVITY = 9.81  # metres per second squared
DENSITY = 1000.0  # kilograms per cubic metre


@dataclass
class Pond:
    """Water above the wheel."""

    area: float  # square metres
    depth: float  # metres that may be drawn down
    head: float  # metres the water falls

    @property
    def volume(self) -> float:
        return self.area * self.depth

    def energy(self) -> float:
        """Joules that all of the water gives, were nothing lost."""
        return self.volume * DENSITY * GRAVITY * self.head


@dataclass
class Wheel:
    """A wheel and the gears behind it."""

    efficiency: float  # of the power that is left after the fixed loss
    fixed_loss: float  # watts that bearings and gears take whatever the flow

    def power(self, flow: float, head: float) -> float:
        """Watts at the stones for a flow in cubic metres per second."""
        raw = flow * DENSITY * GRAVITY * head
        return max(0.0, (raw - self.fixed_loss) * self.efficiency)


def hours_of_grinding(pond: Pond, wheel: Wheel, flow: float, inflow: float = 0.0) -> float:
    """Hours until the pond is drawn down; infinite when the stream brings as much as the wheel takes."""
    if flow <= inflow:
        return float("inf")
    return pond.volume / (flow - inflow) / 3600


def best_flow(pond: Pond, wheel: Wheel, flows: list[float]) -> float:
    """The flow at which the pond grinds the most flour before it is empty."""

    def work(flow: float) -> float:
        return wheel.power(flow, pond.head) * pond.volume / flow

    return max(flows, key=work)


if __name__ == "__main__":
    pond = Pond(area=1200, depth=0.4, head=3.2)
    wheel = Wheel(efficiency=0.7, fixed_loss=900)
    for flow in (0.05, 0.1, 0.2, 0.3):
        hours = hours_of_grinding(pond, wheel, flow)
        print(f"{flow:.2f} m3/s: {wheel.power(flow, pond.head):6.0f} W for {hours:5.2f} h")
