"""A connector for Grove: all pages of one audit stream, newest first, one kept-alive connection."""

import requests

from grove.connectors import BaseConnector
from grove.constants import REVERSE_CHRONOLOGICAL
from grove.exceptions import NotFoundException, RequestFailedException


class Connector(BaseConnector):
    CONNECTOR = "uipath_audit_events"
    POINTER_PATH = "createdOn"
    LOG_ORDER = REVERSE_CHRONOLOGICAL

    def collect(self):
        try:
            _ = self.pointer
        except NotFoundException:
            self.pointer = self.configuration.since
        base = self.configuration.base_url
        url = f"{base}{self.configuration.path}?from={self.pointer}&maxCount=200"
        with requests.Session() as session:
            session.headers["Authorization"] = f"Bearer {self.key}"
            while url:
                try:
                    reply = session.get(url, timeout=60)
                    reply.raise_for_status()
                except requests.RequestException as error:
                    raise RequestFailedException(f"no page: {error}") from error
                page = reply.json()
                self.save(page["auditEvents"])
                url = page["previous"] and base + page["previous"]
