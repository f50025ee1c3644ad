import { serve } from '../../demo/server.ts'

/** A server that waits for a message of its parent before it responds. `/begun` sends the head at once. */
serve((request, response) => {
  if (request.url === '/begun') response.writeHead(200).flushHeaders()
  process.once('message', () => response.end('whole'))
  process.send!('held')
})
