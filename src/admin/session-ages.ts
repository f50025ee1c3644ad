/** Up to which age sessions are counted together, in s. */
const LIMITS = [60, 5 * 60, 15 * 60, 3600, 4 * 3600, 86_400, 7 * 86_400, null] as const

/** How old sessions are, as numbers of sessions of about the same age. */
export class SessionAges {
  readonly #live = LIMITS.map(() => 0)

  /** A session that began so many s ago. */
  add(age: number): void {
    this.#live[LIMITS.findIndex((limit) => limit === null || age <= limit)]!++
  }

  /** The youngest first; `upTo` in s, null for any age. */
  get all(): { upTo: number | null; live: number }[] {
    return LIMITS.map((upTo, index) => ({ upTo, live: this.#live[index]! }))
  }
}
