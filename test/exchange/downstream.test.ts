/** The seam between an exchange and its client: the same suite for HTTP/1, HTTP/2, and a stream without a socket. */

import { http1 } from './downstream/http1-client.ts'
import { http2 } from './downstream/http2-client.ts'
import { scripted } from './downstream/scripted-client.ts'
import { downstreamConformance } from './downstream-conformance.ts'

for (const kind of [http1, http2, scripted]) downstreamConformance(kind)
