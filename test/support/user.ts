import { Agent, request } from 'node:http'

/** A whole answer. */
export interface Answer {
  readonly status: number
  readonly body: string
  readonly setCookies: readonly string[]
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
}

/** A browser, as far as cookies go: it keeps those that it is given, by name, and sends them along. */
export class User {
  readonly cookies = new Map<string, string>()
  readonly #agent: Agent

  /** @param agent left out: each request has a connection of its own */
  constructor(agent = new Agent({ keepAlive: false })) {
    this.#agent = agent
  }

  /** The Cookie header that the user sends. */
  get cookie(): string {
    return [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  }

  /** Asks for a path, and resolves to the answer once it is whole. */
  get(port: number, path = '/', headers: Record<string, string> = {}): Promise<Answer> {
    const cookie: Record<string, string> = this.cookies.size === 0 ? {} : { Cookie: this.cookie }
    const options = { host: '127.0.0.1', port, path, agent: this.#agent, headers: { ...cookie, ...headers } }
    return new Promise((resolve, reject) => {
      request(options, (response) => {
        const setCookies = response.headers['set-cookie'] ?? []
        for (const line of setCookies) this.#keep(line)
        let body = ''
        response.setEncoding('utf8')
        response.on('data', (text) => {
          body += text
        })
        response.on('end', () => resolve({ status: response.statusCode!, body, setCookies, headers: response.headers }))
        response.on('error', reject)
      })
        .on('error', reject)
        .end()
    })
  }

  #keep(line: string): void {
    const [, name, value] = /^([^=]+)=([^;]*)/.exec(line)!
    if (/; *Max-Age=0/i.test(line)) this.cookies.delete(name!)
    else this.cookies.set(name!, value!)
  }
}
