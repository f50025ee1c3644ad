import { once } from 'node:events'
import { request } from 'node:http'
import type { Limpet } from './limpet.ts'

/** An answer of the admin API. */
export interface AdminAnswer {
  readonly status: number
  readonly headers: NodeJS.Dict<string | string[]>
  // biome-ignore lint/suspicious/noExplicitAny: JSON of any shape
  readonly body: any
}

/** The admin API of a running Limpet, through its Unix socket. */
export async function adminOf({ errors }: Pick<Limpet, 'errors'>) {
  const [, socketPath] = await errors.find(/admin API answers on unix:([^\s"]+)/)
  return async function ask(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<AdminAnswer> {
    const json = body === undefined || typeof body === 'string' ? body : JSON.stringify(body)
    const type = typeof body === 'string' ? 'application/yaml' : 'application/json'
    const asked = request({
      socketPath: socketPath!,
      method,
      path,
      headers: { Host: 'localhost', ...(json !== undefined && { 'Content-Type': type }), ...headers },
    })
    asked.end(json)
    const [response] = await once(asked, 'response')
    let text = ''
    for await (const piece of response.setEncoding('utf8')) text += piece
    const isJson = /json/.test(response.headers['content-type'] ?? '')
    return { status: response.statusCode, headers: response.headers, body: isJson && text ? JSON.parse(text) : text }
  }
}
