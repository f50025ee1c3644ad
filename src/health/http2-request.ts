import { connect } from 'node:http2'
import type { SendOn } from './own-message.ts'

export const sendByHttp2: SendOn = (socket, { method, path, headers, body }, authority, read) =>
  new Promise((resolve, reject) => {
    const { host = authority, ...others } = headers
    const scheme = 'encrypted' in socket ? 'https' : 'http'
    const session = connect(`${scheme}://localhost`, { createConnection: () => socket })
    session.on('error', reject)
    const stream = session.request(
      { ':method': method, ':path': path, ':authority': host, ':scheme': scheme, ...others },
      { endStream: body === undefined },
    )
    let trailers = {}
    stream.on('error', reject)
    stream.on('close', () => reject(new Error('the stream was closed')))
    stream.on('trailers', (fields) => {
      trailers = fields
    })
    stream.on('response', (headers) => {
      const own = { status: headers[':status']!, headers, body: stream, trailers: () => trailers }
      Promise.resolve(read(own)).then(resolve, reject)
    })
    if (body !== undefined) stream.end(body)
  })
