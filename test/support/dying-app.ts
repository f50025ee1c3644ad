/**
 * A server that is told to end by SIGTERM, in a process of its own: `node dying-app.ts NAME PORT LINGER [HOST]`. It goes on as
 * before for LINGER ms, and then closes its listener and its idle connections, finishes its requests, closes its WebSockets and ends.
 */
import { createServer } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { WebSocketServer } from 'ws'

const [name, port, linger, host = '127.0.0.1'] = process.argv.slice(2)

const server = createServer(async (request, response) => {
  let length = 0
  for await (const chunk of request) length += (chunk as Buffer).length
  await pause(length % 5)
  response.end(`${name} ${length}`)
})
const websockets = new WebSocketServer({ server })
websockets.on('connection', (socket) => socket.send(name!))
server.listen(Number(port), host, () => process.send?.('listens'))

process.on('SIGTERM', async () => {
  await pause(Number(linger))
  for (const socket of websockets.clients) socket.close(1001)
  await new Promise((resolve) => server.close(resolve))
  process.exit()
})
