"""PDF, e-mail, web page, Word and Excel files as texts that know where they came from.

    >>> from setaccio.data.documents import read_document
    >>> [item.id for item in read_document("mail.eml")]
    ['mail.eml', 'mail.eml#invoice.pdf']

Names are loaded when they are first used, so that importing this package costs nothing.
"""

from typing import TYPE_CHECKING

from setaccio.data.lazy_names import lazy_names

if TYPE_CHECKING:
    from setaccio.data.documents.child import Limits as Limits
    from setaccio.data.documents.reading import read_document as read_document

__getattr__, __dir__, __all__ = lazy_names(
    __name__, {"child": ["Limits"], "reading": ["read_document"]}
)
