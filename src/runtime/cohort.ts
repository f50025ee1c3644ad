/** How many points users are spread over: a share of 0.01 % is one of them. */
export const POINTS = 10_000

/** The users, or requests, that go to another upstream than their route's: those at points from `from` to before `to`. */
export interface Cohort {
  /** Index of the upstream in the Snapshot. */
  readonly upstream: number
  readonly name: string
  readonly from: number
  readonly to: number
}
