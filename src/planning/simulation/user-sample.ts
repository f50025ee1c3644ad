import type { UserRequest } from './user-request.ts'

/** A user of an upstream: their last request, and the slot of the server that it went to. */
export interface SampledUser {
  readonly request: UserRequest
  readonly slot: number
}

/** The most users that are kept. */
const MOST = 10_000

/** A fair sample of an upstream's users, of bounded size: those whose ids end in so many zero bits; one more whenever it is full. */
export class UserSample {
  readonly #users = new Map<string, SampledUser>()
  #mask = 0

  /** A user who `isChosen` made a request. */
  note(id: string, request: UserRequest, slot: number): void {
    this.#users.set(id, { request, slot })
    if (this.#users.size <= MOST) return
    this.#mask = 2 * this.#mask + 1
    for (const known of this.#users.keys()) if (!this.isChosen(known)) this.#users.delete(known)
  }

  /** @param id hexadecimal */
  isChosen(id: string): boolean {
    return this.#mask === 0 || (Number.parseInt(id.slice(-7), 16) & this.#mask) === 0
  }

  /** By their ids. */
  get users(): ReadonlyMap<string, SampledUser> {
    return this.#users
  }

  /** How many users each of them stands for. */
  get weight(): number {
    return this.#mask + 1
  }
}
