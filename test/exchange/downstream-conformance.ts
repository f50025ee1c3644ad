import { Arrangement } from './downstream/arrangement.ts'
import type { ClientKind } from './downstream/client.ts'
import { failures } from './downstream/failures.ts'
import { interimResponses } from './downstream/interim-responses.ts'
import { requests } from './downstream/requests.ts'
import { responses } from './downstream/responses.ts'
import { tunnels } from './downstream/tunnels.ts'

/**
 * What an exchange and its client owe each other, whatever the client speaks. Behind both are real servers, on real sockets;
 * each case looks at what the server got, what the client got, and what was recorded.
 */
export function downstreamConformance(kind: ClientKind): void {
  for (const part of [requests, responses, interimResponses, tunnels, failures]) part(new Arrangement(kind))
}
