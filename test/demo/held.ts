import { serve } from '../../demo/server.ts'

/** A server whose answers wait for its parent: `/begun` sends its head first, other paths send nothing yet. */
serve((request, response) => {
  if (request.url === '/begun') response.writeHead(200).flushHeaders()
  process.once('message', () => response.end('whole'))
  process.send!('held')
})
