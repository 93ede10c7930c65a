"""The laboratory of SpineOncology: makes and measures the models. It uses SpineLib, never the other way round."""
