import type { TestContext } from 'node:test'
import type { ServingLimpet } from './limpet.ts'
import { httpOrigin, type Origin } from './origin.ts'
import { RawClient } from './raw-client.ts'

/** A server whose answers the test changes while it runs. */
export interface CheckedOrigin extends Origin {
  readonly name: string
  /** What `/health` answers: its status, and its body. */
  health: number
  healthBody: string
  /** The status of every other answer. */
  status: number
  /** Requests for `/health`, and all others. */
  checks: number
  requests: number
  /** The last check's head. */
  checkedBy: Record<string, unknown>
}

/** A server that answers 200 to checks of `/health`, and `served by NAME` to all else, until the test changes it. */
export async function checkedOrigin(test: TestContext, name: string): Promise<CheckedOrigin> {
  const state = { name, health: 200, healthBody: 'all is well', status: 200, checks: 0, requests: 0, checkedBy: {} }
  const origin = await httpOrigin(test, (request, response) => {
    if (request.url === '/health') {
      state.checks++
      state.checkedBy = { method: request.method, ...request.headers }
      response.writeHead(state.health).end(state.healthBody)
    } else {
      state.requests++
      response.writeHead(state.status).end(`served by ${name}`)
    }
  })
  return Object.assign(state, origin)
}

/**
 * The names of the servers that answer so many requests, or the status where there is no name. Each request has a
 * connection of its own, so that every worker gets some.
 */
export async function answers(test: TestContext, limpet: ServingLimpet, count = 12): Promise<string[]> {
  const all: string[] = []
  for (let i = 0; i < count; i++) {
    const client = await RawClient.connect(test, limpet.port)
    client.say('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    const heard = await client.goodbye()
    all.push(/served by (\w+)/.exec(heard)?.[1] ?? heard.slice(9, 12))
  }
  return all
}

/** The same, sorted and each once. */
export async function serving(test: TestContext, limpet: ServingLimpet, count?: number): Promise<string[]> {
  return [...new Set(await answers(test, limpet, count))].toSorted()
}
