/** Writing to a socket whose other side does not read. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { Scratch } from '../../src/transport/scratch.ts'
import { SocketWriter } from '../../src/transport/socket-writer.ts'

/** A writer, and the socket at its other end. */
async function writerTo(t: TestContext) {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [reader] = (await once(server, 'connection')) as [Socket]
  await once(socket, 'connect').catch(() => {})
  t.after(() => {
    socket.destroy()
    reader.destroy()
    server.close()
  })
  const drained = { times: 0 }
  const writer = new SocketWriter(socket, {
    whenDrained() {
      drained.times++
      socket.emit('caught up')
    },
  })
  return { socket, reader, writer, drained }
}

/** Writes until the kernel accepts no more. */
function fill(writer: SocketWriter, scratch: Scratch): number {
  let written = 0
  const piece = Buffer.alloc(60_000, 'f')
  while (!writer.isBehind) {
    scratch.write(piece)
    scratch.flushTo(writer)
    written += piece.length
  }
  return written
}

test('many small writes to a reader that has stopped use about their own size in memory, and arrive in order', async (t) => {
  const { socket, reader, writer } = await writerTo(t)
  const scratch = new Scratch()
  let expected = fill(writer, scratch)
  const before = process.memoryUsage().arrayBuffers
  const events = Array.from({ length: 5000 }, (_, index) => Buffer.from(`${String(index).padStart(11)}\n`))
  for (const event of events) {
    scratch.write(event)
    scratch.flushTo(writer)
    expected += event.length
  }
  assert.ok(process.memoryUsage().arrayBuffers - before < 512 * 1024)
  assert.equal(writer.isFull, true)
  const arrived: Buffer[] = []
  let size = 0
  reader.on('data', (bytes: Buffer) => {
    arrived.push(bytes)
    size += bytes.length
    reader.emit('progress')
  })
  while (size < expected) await once(reader, 'progress')
  assert.equal(Buffer.concat(arrived).subarray(-60_000).toString(), Buffer.concat(events).toString())
  if (writer.isBehind) await once(socket, 'caught up')
  assert.equal(writer.unsent, 0)
})

test('what is queued is sent before the end', async (t) => {
  const { reader, writer } = await writerTo(t)
  const scratch = new Scratch()
  let expected = fill(writer, scratch)
  scratch.text('the end')
  expected += scratch.length
  scratch.flushTo(writer)
  writer.end()
  let size = 0
  let last = ''
  reader.on('data', (bytes: Buffer) => {
    size += bytes.length
    last = (last + bytes.toString('latin1')).slice(-7)
  })
  await once(reader, 'end')
  assert.equal(size, expected)
  assert.equal(last, 'the end')
})
