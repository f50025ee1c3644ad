import { Timed } from '../runtime/deadlines.ts'

/** What has to end when the client of a call no longer waits for it. */
export interface Call {
  deadlinePassed(): void
}

/** When the client of a call no longer waits for it. */
export class CallDeadline extends Timed {
  readonly #call: Call

  constructor(call: Call) {
    super()
    this.#call = call
  }

  override expire(): void {
    this.#call.deadlinePassed()
  }
}
