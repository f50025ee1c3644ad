import { once } from 'node:events'
import { get } from 'node:http'
import { text } from 'node:stream/consumers'

/** The body of the answer to a GET on a Unix socket, over a connection of its own. */
export async function getFrom(socketPath: string, headers: Record<string, string> = {}, path = '/'): Promise<string> {
  const [response] = await once(get({ socketPath, path, headers, agent: false }), 'response')
  return text(response)
}
