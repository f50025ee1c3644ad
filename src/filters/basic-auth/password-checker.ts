import { Worker } from 'node:worker_threads'
import { passwordModule } from '../../program-files.ts'
import type { PasswordQuestion } from './password-thread.ts'

/** How many questions wait at most. With bcrypt, as htpasswd writes it, that is a second or two. */
const MOST_WAITING = 64
/** How many of them may be of one client, so that one that guesses leaves room for others. */
const MOST_OF_ONE = MOST_WAITING / 4
/** For how long the thread waits for another question before it ends, in ms. */
const KEPT_FOR = 60_000

interface Pending extends PasswordQuestion {
  readonly client: string
  readonly answer: PromiseWithResolvers<boolean>
}

/** There is no answer: too many questions wait, or the thread has ended. */
export class NotVerified extends Error {}

/** Has passwords verified by a thread of its own, one after the other. */
export class PasswordChecker {
  readonly #waiting: Pending[] = []
  #asked: Pending | undefined
  #thread: Worker | undefined
  #idle: NodeJS.Timeout | undefined

  /**
   * Whether a password belongs to a hash.
   *
   * @param client who asks, for a fair share
   * @throws NotVerified
   */
  async verify(password: Uint8Array, hash: string, client: string): Promise<boolean> {
    if (this.#waiting.length >= MOST_WAITING) throw new NotVerified('too many passwords wait to be verified')
    if (this.#waiting.filter((each) => each.client === client).length >= MOST_OF_ONE)
      throw new NotVerified('too many passwords of one client wait to be verified')
    const pending = { password, hash, client, answer: Promise.withResolvers<boolean>() }
    this.#waiting.push(pending)
    this.#askNext()
    return pending.answer.promise
  }

  #askNext(): void {
    if (this.#asked !== undefined) return
    clearTimeout(this.#idle)
    this.#asked = this.#waiting.shift()
    if (this.#asked === undefined) {
      this.#idle = setTimeout(() => this.#end(), KEPT_FOR).unref()
      return
    }
    const { password, hash } = this.#asked
    this.#thread ??= this.#started()
    this.#thread.postMessage({ password, hash } satisfies PasswordQuestion)
  }

  /** No question waits; another thread starts with the next one. */
  #end(): void {
    const thread = this.#thread
    this.#thread = undefined
    void thread?.terminate()
  }

  #started(): Worker {
    const thread = new Worker(passwordModule, { name: 'passwords' })
    thread.on('message', (isRight: boolean) => {
      const asked = this.#asked!
      this.#asked = undefined
      asked.answer.resolve(isRight)
      this.#askNext()
    })
    let cause = 'it has ended'
    thread.on('error', (error) => {
      cause = (error as Error).message
    })
    thread.on('exit', () => {
      if (thread !== this.#thread) return
      this.#thread = undefined
      const asked = this.#asked
      this.#asked = undefined
      asked?.answer.reject(new NotVerified(`the thread that verifies passwords failed: ${cause}`))
      this.#askNext()
    })
    // After its listeners: one for messages would undo it.
    thread.unref()
    return thread
  }
}
