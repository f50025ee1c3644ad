import type { Server } from 'node:http'
import type { TestContext } from 'node:test'
import { httpOrigin } from './origin.ts'

/** A server for `SteadyClients`: it answers `here.`, and echoes what comes through a tunnel. Resolves to its address. */
export async function steadyOrigin(test: TestContext): Promise<string> {
  const { server, address } = await httpOrigin(test, (_, response) => response.end('here.'))
  ;(server as Server).on('upgrade', (_, socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n')
    socket.pipe(socket)
  })
  return address
}
