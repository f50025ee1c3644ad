import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { temporaryFolder } from './folder.ts'

const read = (name: string) =>
  JSON.parse(readFileSync(new URL(`../fixtures/swarm/${name}.json`, import.meta.url), 'utf8'))

/** The only paths that are answered, as by a proxy that allows nothing more. */
const ALLOWED = /^\/(?:_ping|v1\.\d+\/(?:version|events|services|tasks|nodes|networks))(?:\?|$)/

/** A manager of a Swarm that answers what Docker 20.10 answered (test/fixtures/swarm), one recorded moment after the other. */
export class StandInManager {
  readonly host: string
  /** All requests so far: `GET /v1.41/tasks`. */
  readonly requests: string[] = []
  /** What it says of services; a test may change it. */
  services: { ID: string; Spec: { Name: string; Labels: Record<string, string> } }[] = read('services')
  /** The moment whose tasks it knows: tasks-MOMENT.json. */
  moment = 'running'
  /** What a node that is no manager answers. */
  refusal: string | undefined
  readonly #listeners = new Set<ServerResponse>()

  private constructor(socket: string) {
    this.host = `unix://${socket}`
  }

  static async start(test: TestContext): Promise<StandInManager> {
    const socket = join(await temporaryFolder(test), 'docker.sock')
    const manager = new StandInManager(socket)
    const server = createServer(({ method = '', url = '' }, response) => manager.#answer(`${method} ${url}`, response))
    server.listen(socket)
    await once(server, 'listening')
    test.after(() => {
      server.close()
      server.closeAllConnections()
    })
    return manager
  }

  /** Tells of something that has happened to a container of the manager's own node. */
  happened(action: string, task: string, attributes: Record<string, string> = {}): void {
    this.#say('container', action, { 'com.docker.swarm.task.id': task, ...attributes })
  }

  /** Tells that a service has changed. */
  updated(): void {
    this.#say('service', 'update', { name: 't-web' })
  }

  /** Ends all streams of events. */
  forget(): void {
    for (const listener of this.#listeners) listener.end()
  }

  #say(Type: string, Action: string, Attributes: Record<string, string>): void {
    const event = JSON.stringify({ Type, Action, Actor: { ID: 'x', Attributes }, timeNano: Date.now() * 1e6 })
    for (const listener of this.#listeners) listener.write(`${event}\n`)
  }

  #answer(request: string, response: ServerResponse): void {
    const [method = '', url = ''] = request.split(' ')
    const path = url.replace(/\?.*/, '')
    this.requests.push(`${method} ${path}`)
    if (method !== 'GET' || !ALLOWED.test(url)) return this.#end(response, 403, { message: 'forbidden' })
    const name = path.slice(path.lastIndexOf('/') + 1)
    if (name === '_ping') {
      response.setHeader('Api-Version', '1.41')
      response.end('OK')
    } else if (name === 'events') {
      this.#listeners.add(response)
      response.on('close', () => this.#listeners.delete(response))
      response.writeHead(200, { 'Content-Type': 'application/json' }).flushHeaders()
    } else if (this.refusal !== undefined) this.#end(response, 503, { message: this.refusal })
    else
      this.#end(
        response,
        200,
        name === 'tasks' ? read(`tasks-${this.moment}`) : name === 'nodes' ? read('nodes') : this.services,
      )
  }

  #end(response: ServerResponse, status: number, answer: unknown): void {
    response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(answer))
  }
}
