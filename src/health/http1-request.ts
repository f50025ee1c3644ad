import { request } from 'node:http'
import type { SendOn } from './own-message.ts'

export const sendByHttp1: SendOn = (socket, { method, path, headers, body }, authority, read) =>
  new Promise((resolve, reject) => {
    const outgoing = request({
      createConnection: () => socket,
      method,
      path,
      headers: { host: authority, ...headers, connection: 'close' },
    })
    outgoing.on('error', reject)
    // The connection can also close without a response or an error, as after a 101.
    outgoing.on('close', () => reject(new Error('the connection was closed')))
    outgoing.on('response', (response) => {
      response.on('error', reject)
      const { statusCode, headers } = response
      const own = { status: statusCode!, headers, body: response, trailers: () => response.trailers }
      Promise.resolve(read(own)).then(resolve, reject)
    })
    outgoing.end(body)
  })
