import { type ChallengeAnswers, NO_CHALLENGES } from '../../../runtime/challenge-answers.ts'
import type { Certificate } from '../../../runtime/tls-settings.ts'

/** What is answered to one challenge. */
export type ChallengeAnswer =
  | { readonly type: 'http'; readonly token: string; readonly body: string }
  | { readonly type: 'tls'; readonly name: string; readonly certificate: Certificate }

/** How long answers are given that this process has taken over, in ms. */
const INHERITED_FOR = 600_000

/** The challenges that all workers answer at present. */
export class Challenges {
  readonly #publish: (answers: ChallengeAnswers) => Promise<void>
  #answers: ChallengeAnswers

  /**
   * @param publish has all workers give these answers, and resolves once they do
   * @param answers those that workers give already, for the process that this one replaces; continued orders add theirs again
   */
  constructor(publish: (answers: ChallengeAnswers) => Promise<void>, answers = NO_CHALLENGES) {
    this.#publish = publish
    this.#answers = answers
    if (answers.http.size + answers.tls.size === 0) return
    setTimeout(() => {
      for (const [token, body] of answers.http) this.#remove({ type: 'http', token, body })
      for (const [name, certificate] of answers.tls) this.#remove({ type: 'tls', name, certificate })
    }, INHERITED_FOR).unref()
  }

  /** What workers answer. */
  get answers(): ChallengeAnswers {
    return this.#answers
  }

  /** Resolves, once all workers give that answer, to a function that ends it. */
  async add(answer: ChallengeAnswer): Promise<() => void> {
    const http = new Map(this.#answers.http)
    const tls = new Map(this.#answers.tls)
    if (answer.type === 'http') http.set(answer.token, answer.body)
    else tls.set(answer.name, answer.certificate)
    this.#answers = { http, tls }
    await this.#publish(this.#answers)
    return () => this.#remove(answer)
  }

  #remove(answer: ChallengeAnswer): void {
    const http = new Map(this.#answers.http)
    const tls = new Map(this.#answers.tls)
    if (answer.type === 'http') http.delete(answer.token)
    // Another order for the same host may have another certificate there.
    else if (tls.get(answer.name) === answer.certificate) tls.delete(answer.name)
    this.#answers = { http, tls }
    void this.#publish(this.#answers)
  }
}
