/** The seam between an exchange and its client: the same suite for an HTTP/1 connection, and for a stream without a socket. */

import { http1 } from './downstream/http1-client.ts'
import { scripted } from './downstream/scripted-client.ts'
import { downstreamConformance } from './downstream-conformance.ts'

for (const kind of [http1, scripted]) downstreamConformance(kind)
