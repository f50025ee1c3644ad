/** The time of day, and what is to happen at one. */
export interface WallClock {
  /** In ms since 1970. */
  now(): number
  /** Acts at that time, or at once if it is over; returns what prevents it. */
  at(time: number, act: () => void): () => void
}

/** The longest time without a look at the clock, in ms: timers stand still while a machine sleeps, and cannot be set for months. */
const LONGEST_SLEEP = 60_000

export const wallClock: WallClock = {
  now: () => Date.now(),
  at(time, act) {
    let timer: NodeJS.Timeout
    const sleep = () => {
      const left = time - Date.now()
      timer = setTimeout(() => (time > Date.now() ? sleep() : act()), Math.min(Math.max(left, 0), LONGEST_SLEEP))
      timer.unref()
    }
    sleep()
    return () => clearTimeout(timer)
  },
}
