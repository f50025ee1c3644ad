/** Clients that send requests all the time, each on a connection of its own, and the model's word on every answer. */
import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { Agent, type IncomingMessage, request } from 'node:http'
import type { TestContext } from 'node:test'
import { RawClient } from '../../support/raw-client.ts'
import { type Outcome, outcomes, type Shown, type Timeline } from './model.ts'

/** What became of a request, and what may have. */
export interface Answered {
  readonly number: number
  /** The server's name, or the status where none served it. */
  readonly by: string
  readonly allowed: readonly Outcome[]
}

/** What all clients share. */
export class Crowd {
  readonly timeline: Timeline
  readonly port: number
  /** Emits `news` when another configuration is in effect, or the load is to end. */
  readonly news: EventEmitter
  readonly answered: Answered[] = []
  isOver = false
  readonly #progress = new EventEmitter().setMaxListeners(0)
  #numbers = 0

  constructor(timeline: Timeline, port: number, news: EventEmitter) {
    this.timeline = timeline
    this.port = port
    this.news = news
  }

  /** The number of the next request, by which the access log knows it. */
  number(): number {
    return ++this.#numbers
  }

  note(answered: Answered): void {
    this.answered.push(answered)
    this.#progress.emit('answer')
  }

  /** Resolves after so many more answers. */
  async answers(count: number): Promise<void> {
    const least = this.answered.length + count
    while (this.answered.length < least) await once(this.#progress, 'answer')
  }

  /** Has the clients send requests for as long as `work` takes. */
  async during(clients: readonly { keepAsking(): Promise<void> }[], work: () => Promise<void>): Promise<void> {
    this.isOver = false
    const asking = Promise.all(clients.map((client) => client.keepAsking()))
    await Promise.race([work(), asking])
    this.isOver = true
    const ended = asking.then(() => true)
    while (!(await Promise.race([ended, this.#turn()]))) this.news.emit('news')
    await asking
  }

  async #turn(): Promise<boolean> {
    await new Promise(setImmediate)
    return false
  }
}

/** A client of one upstream, on one connection for as long as that is kept. */
export class Client {
  readonly upstream: string
  /** Which server answered each of its requests, or the status. */
  readonly history: string[] = []
  readonly #path: string
  readonly #crowd: Crowd
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 })

  constructor(test: TestContext, crowd: Crowd, upstream: string, path = 'page') {
    this.#crowd = crowd
    this.upstream = upstream
    this.#path = path
    test.after(() => this.#agent.destroy())
  }

  async keepAsking(): Promise<void> {
    do await this.ask()
    while (!this.#crowd.isOver)
  }

  /** What its next request shows of its session. */
  protected get shown(): Shown {
    return { home: undefined }
  }

  protected get fields(): Record<string, string> {
    return {}
  }

  /** @param done the last configuration that was in effect when the request was sent */
  protected take(_response: IncomingMessage, _by: string, _done: number): void {}

  async ask(): Promise<string> {
    const { timeline, port } = this.#crowd
    const number = this.#crowd.number()
    const { done } = timeline
    // A request that cannot be sent again may need another connection to its server.
    const withBody = number % 3 === 0 && this.upstream !== 'still'
    const response = await this.#send(port, `/${this.upstream}/${this.#path}?n=${number}`, withBody)
    const by = response.statusCode === 200 ? String(response.headers['x-server']) : String(response.statusCode)
    const allowed = this.#allowed(done)
    this.take(response, by, done)
    const body = (await response.setEncoding('utf8').toArray()).join('')
    if (response.statusCode === 200) assert.equal(body, this.#path === 'stream' ? STREAM : by)
    this.history.push(by)
    this.#crowd.note({ number, by, allowed })
    return by
  }

  /** All that may have become of a request that was sent when that configuration was in effect. */
  #allowed(done: number): Outcome[] {
    const all = new Set(this.#crowd.timeline.since(done).flatMap((plan) => outcomes(plan, this.upstream, this.shown)))
    return this.upstream === 'desk' || this.upstream === 'till' ? whileWaiting([...all]) : [...all]
  }

  async #send(port: number, path: string, withBody: boolean): Promise<IncomingMessage> {
    const options = { host: '127.0.0.1', port, path, agent: this.#agent, headers: this.fields }
    const sent = request({ ...options, method: withBody ? 'POST' : 'GET' })
    sent.end(withBody ? 'a few bytes' : undefined)
    const [response] = (await once(sent, 'response')) as [IncomingMessage]
    return response
  }
}

const STREAM = `begun\n${'news\n'.repeat(6)}over\n`

/**
 * A request that waits may find its reason in one configuration and its server in the next; if the whole upstream goes, no
 * server is left to wait for.
 */
function whileWaiting(outcomes: readonly Outcome[]): Outcome[] {
  const parts = outcomes.map((outcome) => outcome.split(' ') as [string, string])
  return parts.flatMap(([by]) =>
    by === '404'
      ? ['404 -' as const, '503 -' as const]
      : parts.flatMap(([, reason]): Outcome[] =>
          (by === '503') === /^(-|refused)/.test(reason) ? [`${by} ${reason}`] : [],
        ),
  )
}

/** One whose session is a cookie of the balancer's. */
export class CookieUser extends Client {
  home: string | undefined
  /** Where sessions were that it was told to forget. */
  readonly forgotten: string[] = []
  #cookie: string | undefined

  protected override get shown(): Shown {
    return { home: this.home }
  }

  protected override get fields(): Record<string, string> {
    return this.#cookie === undefined ? {} : { cookie: this.#cookie }
  }

  protected override take({ headers }: IncomingMessage, by: string): void {
    const [line] = headers['set-cookie'] ?? []
    if (line === undefined) return
    const isOver = /Max-Age=0/.test(line)
    if (isOver) this.forgotten.push(this.home!)
    this.#cookie = isOver ? undefined : line.split(';', 1)[0]!
    this.home = isOver ? undefined : by
  }
}

/** One whose session the application begins, and the balancer learns. */
export class LearntUser extends Client {
  home: string | undefined
  /** Where its sessions were last, by their ids. */
  readonly places = new Map<string, string>()
  #id: string | undefined
  #since = 0
  readonly #timeline: Timeline

  constructor(test: TestContext, crowd: Crowd, upstream: string) {
    super(test, crowd, upstream)
    this.#timeline = crowd.timeline
  }

  /** Whether the balancer must still know its session. */
  get isCertain(): boolean {
    return this.home !== undefined && this.#timeline.hasKept(this.upstream, this.home, this.#since)
  }

  protected override get shown(): Shown {
    return { home: this.home, isUncertain: !this.isCertain }
  }

  protected override get fields(): Record<string, string> {
    return this.#id === undefined ? {} : { 'x-session': this.#id }
  }

  protected override take({ headers }: IncomingMessage, by: string, done: number): void {
    if (headers['x-server'] === undefined) return
    const id = headers['x-session'] as string | undefined
    if (this.#id !== undefined) this.places.set(this.#id, by)
    if (id === undefined) return
    this.#id = id
    this.home = by
    this.#since = done
    this.places.set(id, by)
  }
}

/** One that switches protocols, and speaks to its server after each of the next six configurations. */
export class Caller {
  readonly #test: TestContext
  readonly #crowd: Crowd
  readonly #upstream: string

  constructor(test: TestContext, crowd: Crowd, upstream: string) {
    this.#test = test
    this.#crowd = crowd
    this.#upstream = upstream
  }

  async keepAsking(): Promise<void> {
    do await this.#call()
    while (!this.#crowd.isOver)
  }

  async #call(): Promise<void> {
    const { timeline, port, news } = this.#crowd
    const client = await RawClient.connect(this.#test, port)
    const number = this.#crowd.number()
    const { done } = timeline
    client.say(
      `GET /${this.#upstream}/call?n=${number} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n`,
    )
    const head = await client.take(/\r\n\r\n/)
    const allowed = timeline.since(done).flatMap((plan) => outcomes(plan, this.#upstream, { home: undefined }))
    const by = /^x-server: (.*)\r$/im.exec(head)?.[1] ?? head.split(' ')[1]!
    for (let words = 0; words < 6 && head.startsWith('HTTP/1.1 101'); words++) {
      await once(news, 'news')
      client.say(`word ${words}\n`)
      await client.take(new RegExp(`word ${words}\n`))
    }
    client.socket.end()
    await client.closed()
    this.#crowd.note({ number, by, allowed })
  }
}
