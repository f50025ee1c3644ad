import { Agent, get } from 'node:http'

/** The outcomes of a load. */
export interface Load {
  /** One for each request: the status, or the error message. */
  readonly outcomes: readonly (number | string)[]
  /** The names of servers from X-Served-By. */
  readonly servers: ReadonlySet<string>
}

/** Sends requests back to back on eight connections, from before `event` until one second after it. */
export async function loadDuring(url: string, event: () => Promise<unknown>): Promise<Load> {
  const outcomes: (number | string)[] = []
  const servers = new Set<string>()
  const agent = new Agent({ keepAlive: true, maxSockets: 8 })
  let going = true
  const client = async () => {
    while (going) {
      const { status, server } = await request(url, agent)
      outcomes.push(status)
      if (server !== undefined) servers.add(server)
    }
  }
  const clients = Array.from({ length: 8 }, client)
  try {
    await request(url, agent)
    await event()
    await new Promise((resolve) => setTimeout(resolve, 1000))
  } finally {
    going = false
    await Promise.all(clients)
    agent.destroy()
  }
  return { outcomes, servers }
}

/** Sends one request. Resolves when its response is complete. */
export function request(url: string, agent?: Agent): Promise<{ status: number | string; server?: string | undefined }> {
  return new Promise((resolve) => {
    get(url, { agent }, (response) => {
      response.on('error', (error) => resolve({ status: error.message }))
      response.on('end', () => {
        resolve({ status: response.statusCode!, server: response.headers['x-served-by'] as string | undefined })
      })
      response.resume()
    }).on('error', (error) => resolve({ status: error.message }))
  })
}
