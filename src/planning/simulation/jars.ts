/** The cookies and the session ids of so many users are kept at least, and of up to twice as many. */
const KEPT = 250_000

type Pairs = readonly (readonly [name: string, value: string])[]

const NONE: Pairs = []

/** What one user returns with each request: Limpet's cookies, and the headers with sessions of applications. */
class Jar {
  #cookies = NONE
  #headers = NONE

  takeCookie(name: string, value: string): void {
    this.#cookies = withPair(this.#cookies, name, value)
  }

  takeHeader(name: string, value: string): void {
    if (!this.#headers.some((known) => known[0] === name)) this.#headers = withPair(this.#headers, name, value)
  }

  /** The lines of a head, each with its line end. */
  get lines(): string {
    const cookies = this.#cookies.map((pair) => pair.join('=')).join('; ')
    const headers = this.#headers.map((pair) => `${pair.join(': ')}\r\n`).join('')
    return cookies === '' ? headers : `Cookie: ${cookies}\r\n${headers}`
  }
}

function withPair(pairs: Pairs, name: string, value: string): Pairs {
  return [...pairs.filter((pair) => pair[0] !== name), [name, value]]
}

/** The jars of users by their ids, in two generations: when the younger one is full, the older one is dropped. */
export class Jars {
  #younger = new Map<string, Jar>()
  #older = new Map<string, Jar>()
  /** How many jars were dropped, whose users count as new if they come back. */
  dropped = 0

  /** The lines of a head that the user returns, each with its line end; empty for none. */
  linesOf(user: string): string {
    return (this.#younger.get(user) ?? this.#older.get(user))?.lines ?? ''
  }

  /** The jar in which the user keeps something. */
  of(user: string): Jar {
    const young = this.#younger.get(user)
    if (young !== undefined) return young
    const jar = this.#older.get(user) ?? new Jar()
    this.#older.delete(user)
    if (this.#younger.size >= KEPT) {
      this.dropped += this.#older.size
      this.#older = this.#younger
      this.#younger = new Map()
    }
    this.#younger.set(user, jar)
    return jar
  }
}
