import type { TestContext } from 'node:test'
import { Deadlines } from '../../src/runtime/deadlines.ts'

/** How long one slot of the wheel lasts, in ms. */
export const TICK = 50

/** A wheel of deadlines, and how to let time pass: tick by tick, or all at once as for a process that is stopped. */
export function wheel(t: Pick<TestContext, 'mock'>, start = 1_000_000) {
  t.mock.timers.enable({ apis: ['setInterval'] })
  let time = start
  const clock = () => time
  const deadlines = new Deadlines(clock)
  const standStill = (ms: number) => {
    time += ms
    t.mock.timers.tick(TICK)
  }
  return {
    deadlines,
    clock,
    pass(ms: number) {
      for (const end = time + ms; time < end; ) standStill(TICK)
    },
    standStill,
  }
}
