import { once } from 'node:events'
import { get } from 'node:http'
import { text } from 'node:stream/consumers'

/** The body of the response to a GET over a Unix socket, on a new connection. */
export async function getFrom(socketPath: string, headers: Record<string, string> = {}, path = '/'): Promise<string> {
  const [response] = await once(get({ socketPath, path, headers, agent: false }), 'response')
  return text(response)
}
