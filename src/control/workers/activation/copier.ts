/**
 * A process that sends its listening sockets back to the one that started it (copy-descriptors.ts): what is sent over a channel
 * has another descriptor there. The sockets are not listened on here, so that they accept nothing.
 */
import * as net from 'node:net'
import { FIRST_DESCRIPTOR } from '../../upgrade/inheritance.ts'

/** As Node.js's cluster makes the sockets that it shares; undocumented. */
const { _createServerHandle: handleOf } = net as unknown as {
  _createServerHandle(address: null, port: 0, family: -1, descriptor: number): net.Server | number
}

// Keeps the process until its parent has everything.
process.on('message', () => {})
for (let index = 0; index < Number(process.argv[2]); index++) {
  const handle = handleOf(null, 0, -1, FIRST_DESCRIPTOR + index)
  process.send!({ index }, typeof handle === 'number' ? undefined : handle)
}
