import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'

/** A request, as the scripted API got it. */
export interface Asked {
  /** The method and the target. */
  readonly line: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** An answer: a value is 200 with JSON, a Problem is problem details, a function writes it itself. */
export type Scripted = object | Problem | ((response: ServerResponse, asked: Asked) => void)

/** A problem of that kind. */
export class Problem {
  readonly code: string
  readonly detail: string
  readonly problems: readonly object[] | undefined

  constructor(code: string, detail: string, problems?: readonly object[]) {
    this.code = code
    this.detail = detail
    this.problems = problems
  }
}

/**
 * In place of an admin API, for what its client does by itself: how it gets there, and what it makes of answers. What
 * the verbs do is tested with the real API.
 */
export class ScriptedAdmin {
  /** The requests so far. */
  readonly asked: Asked[] = []
  /** 0 on a Unix socket. */
  readonly port: number
  readonly #answers: Map<string, Scripted[]>

  private constructor(port: number, answers: Map<string, Scripted[]>) {
    this.port = port
    this.#answers = answers
  }

  /**
   * @param answers by method and target: the answer; of several, the last one again and again
   * @param path of a Unix socket
   */
  static async start(
    test: TestContext,
    answers: Readonly<Record<string, Scripted | Scripted[]>>,
    path?: string,
  ): Promise<ScriptedAdmin> {
    const server = createServer(async (request, response) => {
      let body = ''
      for await (const part of request.setEncoding('utf8')) body += part
      admin.#answer({ line: `${request.method} ${request.url}`, headers: request.headers, body }, response)
    })
    server.listen(path === undefined ? { port: 0, host: '127.0.0.1' } : { path })
    await once(server, 'listening')
    test.after(() => {
      server.closeAllConnections()
      server.close()
    })
    const port = path === undefined ? (server.address() as AddressInfo).port : 0
    const script = Object.entries(answers).map(([line, answer]) => [line, [answer].flat()] as const)
    const admin: ScriptedAdmin = new ScriptedAdmin(port, new Map(script))
    return admin
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  /** The lines of the requests so far. */
  get lines(): string[] {
    return this.asked.map(({ line }) => line)
  }

  #answer(asked: Asked, response: ServerResponse): void {
    this.asked.push(asked)
    const answers = this.#answers.get(asked.line) ?? [new Problem('not-found', `there is no ${asked.line}`)]
    const answer = answers.length > 1 ? answers.shift()! : answers[0]!
    if (typeof answer === 'function') return answer(response, asked)
    if (!(answer instanceof Problem)) {
      response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(answer))
      return
    }
    const { code, detail, problems } = answer
    const details = { type: `/problems/${code}`, title: 'A title', status: 409, detail, problems }
    response.writeHead(409, { 'Content-Type': 'application/problem+json' }).end(JSON.stringify(details))
  }
}
