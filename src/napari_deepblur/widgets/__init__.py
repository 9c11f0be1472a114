"""The napari widgets: the only room with Qt. Docks are made of forms; all numbers come from the pipeline."""
