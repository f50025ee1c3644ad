import { hrtime } from 'node:process'

/** The system's monotonic clock in ms: the same for all threads of this machine, unlike `performance.now()`. */
function monotonic(): number {
  const [seconds, nanoseconds] = hrtime()
  return seconds * 1000 + nanoseconds / 1e6
}

const offset = monotonic() - performance.now()

/** Milliseconds on a clock that all threads share and that never jumps; with fractions. Its zero means nothing. */
export function now(): number {
  return performance.now() + offset
}

/** By how much the time of day is ahead of the shared clock, in ms. */
let ahead = performance.timeOrigin - offset

/** The largest difference to the system's time of day that is not corrected, in ms: its milliseconds are whole. */
const TOLERANCE = 20

/** The time of day of a moment on the shared clock, in ms since 1970, with fractions. */
export function timeOfDayAt(moment: number): number {
  const difference = Date.now() - now() - ahead
  if (Math.abs(difference) > TOLERANCE) ahead += difference
  return moment + ahead
}

/** A timer that is late by more than this, in ms, shows that the whole process stood still: stopped, suspended or starved. */
export const STANDSTILL = 500

let timeOfDay: () => number = Date.now

/** For a program that replays the past: from now on it is the time, in ms since 1970, that `source` gives. */
export function replayTime(source: () => number): void {
  timeOfDay = source
}

/** The time of day in whole s since 1970: for what must mean the same elsewhere, or after a restart. */
export function wallSeconds(): number {
  return Math.floor(timeOfDay() / 1000)
}
