/** The time in a simulation, in ms since 1970. */
export class LogClock {
  now = 0
}
