import { setTimeout } from 'node:timers/promises'
import { WebSocket, WebSocketServer } from 'ws'
import { answer, isRead, pathOf, serve } from '../server.ts'

/** A chat that each server keeps in its memory: a user who is sent to another server has left the others' room. */

const MAX_MESSAGE = 200
const MAX_MESSAGES = 20
/** Going away (RFC 6455, 7.4.1). */
const GOING_AWAY = 1001

const messages: string[] = []
const room = new WebSocketServer({ noServer: true, maxPayload: 4096 })
let asked = 0

function enter(socket: WebSocket): void {
  socket.on('error', () => {})
  socket.on('message', (data) => {
    const text = String(data).slice(0, MAX_MESSAGE)
    messages.push(text)
    if (messages.length > MAX_MESSAGES) messages.shift()
    for (const each of room.clients) if (each.readyState === WebSocket.OPEN) each.send(text)
  })
}

serve(
  async (request, response) => {
    if (!isRead(request)) return answer(response, 405, 'Only GET and HEAD.\n', { Allow: 'GET, HEAD' })
    const path = pathOf(request)
    if (path === '/chat/') return answer(response, 200, `${room.clients.size} users are in this server's room.\n`)
    if (path !== '/chat/messages') return answer(response, 404, 'The messages are at /chat/messages.\n')
    asked++
    await setTimeout(2 + ((asked * 7) % 40))
    // A picture without any error would hide where errors are drawn.
    if (asked % 250 === 0) return answer(response, 500, 'The chat has lost its thread.\n')
    answer(response, 200, `${messages.join('\n')}\n`)
  },
  {
    accept(request, socket, head) {
      if (pathOf(request) === '/chat/socket') room.handleUpgrade(request, socket, head, enter)
      else socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n')
    },
    close() {
      for (const client of room.clients) client.close(GOING_AWAY)
    },
  },
)
