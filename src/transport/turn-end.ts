/** Something that has work to do at the end of a turn of the event loop. */
export interface TurnUser {
  turnEnds(): void
}

/** Calls whatever has asked for it once everything that the current turn of the event loop has read has been handled. */
class TurnEnd {
  #waiting: TurnUser[] = []

  /** Each is called once for each time that it waits. */
  await(user: TurnUser): void {
    if (this.#waiting.push(user) === 1) setImmediate(this.#pass)
  }

  readonly #pass = (): void => {
    const waiting = this.#waiting
    this.#waiting = []
    for (const user of waiting) user.turnEnds()
  }
}

/** That of this thread's event loop. */
export const turnEnd = new TurnEnd()
