/** One event that made attempts fail, such as the loss of a connection that several shared. It counts against the server once. */
export class Incident {
  /** Whether several requests were affected, so that any of them may be the cause. */
  readonly isShared: boolean
  #isCounted = false

  constructor(isShared: boolean) {
    this.isShared = isShared
  }

  /** Returns whether it still had to be counted. */
  count(): boolean {
    const isFirst = !this.#isCounted
    this.#isCounted = true
    return isFirst
  }
}
