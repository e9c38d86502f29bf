"""W3 with diffrax: Dopri8 under jax.vmap, one solve a dosing interval. Prints seconds, and the last plasma level."""

import sys
import time

import diffrax
import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)
DOSES, EVERY = 56, 12.0


def right_hand_side(t, y, v2):
    gut, central, peripheral, metabolite, response = y
    cp = central / v2
    eliminated = 30.0 * cp / (5.0 + cp)
    out, back = 10.0 / v2 * central, 0.1 * peripheral
    return jnp.stack(
        [
            -gut,
            gut - eliminated - out + back,
            out - back,
            eliminated - 0.2 * metabolite,
            10.0 * (1.0 - 0.9 * cp / (0.5 + cp)) - 0.1 * response,
        ]
    )


def course(v2):
    term = diffrax.ODETerm(right_hand_side)
    control = diffrax.PIDController(rtol=1e-8, atol=1e-10)
    hours = jnp.arange(1.0, EVERY + 1.0)

    def interval(y, _):
        solved = diffrax.diffeqsolve(
            term,
            diffrax.Dopri8(),
            0.0,
            EVERY,
            None,
            y.at[0].add(100.0),
            v2,
            saveat=diffrax.SaveAt(ts=hours),
            stepsize_controller=control,
        )
        return solved.ys[-1], solved.ys

    start = jnp.array([0.0, 0.0, 0.0, 0.0, 100.0])
    _, levels = jax.lax.scan(interval, start, None, length=DOSES)
    return levels.reshape(-1, 5)


volumes = 50.0 * jnp.linspace(40.0, 120.0, int(sys.argv[1])) / 70.0
solve = jax.jit(jax.vmap(course))
levels = solve(volumes).block_until_ready()
times = []
for _ in range(3):
    begin = time.perf_counter()
    levels = solve(volumes).block_until_ready()
    times.append(time.perf_counter() - begin)
print(min(times), float(np.asarray(levels)[0, -1, 1] / volumes[0]))
